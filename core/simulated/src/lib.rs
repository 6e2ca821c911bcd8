//! Agents of many clusters, played by one process behind the real API, for tests of everything that talks to agents.
