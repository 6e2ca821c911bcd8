//! A stage as the platform `local` finds it.

mod contract;
