//! stub
use crate::answers::House;
use crate::reply::{Refusal, json};
use crate::service::*;
use http::Method;
use std::sync::Arc;
pub struct Admin(Arc<House>);
impl Admin {
    pub fn new(h: Arc<House>) -> Self {
        Self(h)
    }
}
impl Answerer for Admin {
    type Place = String;
    fn find(&self, _: &Method, p: &str) -> Result<(String, usize), Refusal> {
        Ok((p.into(), 1000))
    }
    fn answer(&self, a: Admitted<String>) -> Answering {
        let h = self.0.clone();
        Box::pin(async move {
            let t = match a.place.as_str() {
                "/metrics" => h.desk.meters.render(),
                "/evidence" => serde_json::to_string(&h.story.evidence.newest(100)).unwrap(),
                _ => format!("{:#?}", h.desk.nodes.picture().snapshot),
            };
            json(http::StatusCode::OK, t)
        })
    }
}
