//! The roof: builds the parts in order, starts them, drains them.

pub mod answers;
pub mod body;
pub mod budget;
pub mod config;
pub mod connection;
pub mod dispatch;
pub mod evidence;
pub mod gateway;
pub mod limits;
pub mod nodes;
pub mod observe;
pub mod reply;
pub mod service;
pub mod stable;
pub mod state;
pub mod stream;
pub mod time;
