# When a window opens next, as people in India read it: [{ start = "2026-11-22T02:00:00+05:30", end = "..." }, ...]
output "next_openings" {
  value = provider::justmanage::next_openings(["Sun 02:00-03:00 Asia/Kolkata"], "2026-11-21T00:00:00Z", 3)
}

# Of a window with its excluded dates, from now on.
resource "justmanage_maintenance_window" "sunday_night" {
  schedule = ["Sun 02:00-03:00 Asia/Kolkata"]
  exclude  = ["2026-12-20..2027-01-03"]
}

output "next_maintenance" {
  value = provider::justmanage::next_openings([justmanage_maintenance_window.sunday_night.definition], plantimestamp(), 1)[0].start
}
