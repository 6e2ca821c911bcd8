resource "justmanage_backup_policy" "nightly" {
  schedule    = ["daily 03:30 Asia/Kolkata"] # or every 6h
  destination = "s3://company-backups/redis" # or gs://, az://, file:///
  retention   = { last = 7, daily = 30, monthly = 12 }

  # Who has one of the secret keys can read the backups, and nobody else.
  encryption = ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"]
}

resource "justmanage_redis_cluster" "cache" {
  name               = "cache"
  engine             = "redis"
  version            = "7.0"
  shards             = 3
  replicas_per_shard = 1
  memory             = "256MiB"
  local              = {}
  backup_policy      = justmanage_backup_policy.nightly.definition
}
