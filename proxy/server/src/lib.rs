//! server
pub mod body;
pub mod budget;
pub mod connection;
pub mod gateway;
pub mod limits;
pub mod reply;
