//! The planner as a whole: reviewed scripts, and properties over a simulated node.

mod properties;
mod script;
mod world;
