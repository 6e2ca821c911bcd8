//! The agent as its platform and its operators know it: the real program, real servers, real signals, real TLS.

mod api;
mod cluster;
mod commands;
mod crashes;
mod damage;
mod exposition;
mod forming;
mod healing;
mod idle;
mod life;
mod limits;
mod metrics;
mod node;
mod operator;
mod process;
mod process_berth;
mod process_commands;
mod process_crash;
mod process_server;
mod process_support;
mod servers;
mod strangers;
mod tuning;
mod wait;
mod writer;
