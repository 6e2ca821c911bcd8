resource "justmanage_maintenance_window" "sunday_night" {
  schedule = [
    "Sun 02:00-03:00 Asia/Kolkata",
    "1st Sat 00:00-04:00 UTC",
  ]
  exclude = ["2026-11-20..2026-12-02", "2026-12-24"] # peak season: it stays shut

  upgrade = "patch" # none | patch | security
  min_age = "7d"    # only what has been out for a week
  blocked = ["8.0.3"]
  urgent  = "wait" # or now: a release that closes a hole does not wait
}

resource "justmanage_redis_cluster" "cache" {
  name               = "cache"
  engine             = "redis"
  version            = "7.0" # a line: an exact version is never upgraded
  shards             = 3
  replicas_per_shard = 1
  memory             = "256MiB"
  local              = {}
  maintenance_window = justmanage_maintenance_window.sunday_night.definition
}
