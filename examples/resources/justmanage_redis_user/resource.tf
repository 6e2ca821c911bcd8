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
  password_wo_version = 1     # raise it to set another password
  password_grace      = "24h" # how long the one before it stays valid then; agents end it
}

# For tools without write-only values (Pulumi, Terraform before 1.11): the hash of the password, which is saved in the state.
variable "report_password_sha256" {
  description = "SHA-256 of a long random password: 64 lowercase hexadecimal digits."
  type        = string
  sensitive   = true
}

resource "justmanage_redis_user" "report" {
  cluster_id      = justmanage_redis_cluster.cache.id
  name            = "report"
  acl             = "~app:* +@read +cluster|slots +cluster|shards +cluster|nodes +readonly +ping"
  password_sha256 = var.report_password_sha256
}
