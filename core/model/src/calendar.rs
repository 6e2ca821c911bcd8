//! Days, times of day and time zones as people write them: what maintenance windows and backup schedules are made of.
//!
//! The data of the time zones is in the program itself (`jiff`'s bundled copy of the IANA database), so every machine knows
//! the same zones, and nothing here looks at a disk, an environment variable or a clock.

mod cursor;
mod days;
mod time;
mod zone;

pub(crate) use cursor::{Cursor, Token, shown};
pub use days::{Days, Nth, Weekdays};
pub use time::TimeOfDay;
pub use zone::Zone;
