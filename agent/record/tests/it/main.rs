//! Groups of agents, as their users meet them: real TLS, real files, and for the worst of it real processes.

mod founding;
mod world;
