variable "app_password" {
  description = "Password of the user `app`. It never enters Terraform's state."
  type        = string
  sensitive   = true
  ephemeral   = true
}

resource "justmanage_redis_cluster" "cache" {
  name    = "cache"
  engine  = "redis"
  version = "7.2"
  memory  = "256MiB"
  local   = {}
}

resource "justmanage_redis_user" "app" {
  cluster_id          = justmanage_redis_cluster.cache.id
  name                = "app"
  acl                 = "~app:* +@all -@dangerous"
  password_wo         = var.app_password
  password_wo_version = 1 # raise it to set another password
}
