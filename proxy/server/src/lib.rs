//! The roof: builds the parts in order, starts them, drains them.

pub mod body;
pub mod budget;
pub mod cli;
pub mod config;
pub mod connection;
pub mod dispatch;
pub mod evidence;
pub mod gateway;
pub mod limits;
pub mod listen;
pub mod nodes;
pub mod observe;
pub mod reply;
pub mod service;
pub mod stream;
pub mod time;
