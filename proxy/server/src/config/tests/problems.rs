//! Everything that can be wrong, each with the beginning and a part of the line that is printed for it.

use super::{lines, typed};

const NODE: &str = "[[node]]\nname = \"attic\"\nurl = \"http://attic:5052\"\n";

#[test]
fn p() {
    for t in [
        "", "[[node]]", "x = [", "nodes = 1\nnetwork = 5\nmode='guard'\nstate='~/x'",
    ] {
        let (f, r) = typed(t, &[]);
        println!("--- {t}\n{}", lines(&f, &r).join("\n"));
        if let Ok(l) = r { println!("{l:#?}"); }
    }
    let (f, r) = typed(NODE, &[("RANGELIGHT_LISTEN__ADDRESS","[::1]:5055"),("RANGELIGHT_NODE__TOKEN_FILE", "good.token")]);
    println!("--- \n{}", lines(&f, &r).join("\n"));
    if let Ok(l) = r { println!("{l:#?}"); }
}
