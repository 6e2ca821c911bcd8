resource "justmanage_redis_cluster" "cache" {
  name          = "cache"
  engine        = "redis"
  version       = "8.0"
  memory        = "256MiB"
  backup_policy = "daily 03:30 Asia/Kolkata; destination file:///var/backups/justmanage; retention last 7, daily 30"

  local = {}
}

data "justmanage_backups" "cache" {
  cluster_id = justmanage_redis_cluster.cache.id
  limit      = 30
}

output "backups" {
  description = "Which backups there are, why each was made, and its size in MiB."
  value = {
    for backup in data.justmanage_backups.cache.backups :
    backup.id => "${backup.type}, ${ceil(backup.stored_bytes / pow(1024, 2))} MiB"
    if backup.status == "available"
  }
}

output "newest_verified" {
  description = "The newest backup that was loaded and counted; null if there is none."
  value       = try([for backup in data.justmanage_backups.cache.backups : backup.id if backup.verified == true][0], null)
}

# An alarm in every plan, for those who want one.
check "the_last_backup_did_not_fail" {
  assert {
    condition     = !contains(data.justmanage_backups.cache.backups[*].status, "failed")
    error_message = "The last backup failed: ${join(" ", compact(data.justmanage_backups.cache.backups[*].reason))}"
  }
}
