//! The nouns and their state machines. Pure: no clock, no I/O, no adapter's type.

pub mod access;
pub mod action;
pub mod actor;
pub mod approval;
pub mod audit;
pub mod bounds;
pub mod budget;
pub mod catalogue;
pub mod conversation;
pub mod directory;
pub mod effect;
pub mod escalation;
pub mod event;
pub mod facts;
pub mod ids;
pub mod integration;
pub mod network;
pub mod outcome;
pub mod record;
pub mod request;
pub mod schema;
pub mod template;
pub mod ticket;
pub mod time;
pub mod verdict;
pub mod world;
