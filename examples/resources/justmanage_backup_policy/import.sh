terraform import justmanage_backup_policy.nightly "daily 03:30 Asia/Kolkata; destination s3://company-backups/redis; retention last 7, daily 30"
