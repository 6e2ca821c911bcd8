//! Nodes on instances of AWS EC2.
