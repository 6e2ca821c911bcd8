//! Groups of agents, as their users meet them: real TLS, real files, and for the worst of it real processes.

mod changes;
mod chaos;
mod epoch;
mod founding;
mod membership;
mod partition;
mod process;
mod removal;
mod voting;
mod world;
