# One Redis node on this machine, with TLS and a user of its own.
#
#   export TF_VAR_app_password="$(openssl rand -base64 24)"
#   terraform apply
#
# The server program is taken from the search path (Debian, Ubuntu: apt-get install redis-server), or from
# `artifacts` in the provider block.

terraform {
  required_version = ">= 1.11" # for the write-only argument password_wo

  required_providers {
    justmanage = {
      source = "justmanage/justmanage"
    }
  }
}

provider "justmanage" {}

variable "app_password" {
  description = "Password of the user `app`. It never enters Terraform's state."
  type        = string
  sensitive   = true
  ephemeral   = true
}

resource "justmanage_redis_cluster" "cache" {
  name                = "cache"
  engine              = "redis" # redis | valkey
  version             = "7.0"   # a line (its newest patch that can be had) or an exact x.y.z
  shards              = 1
  replicas_per_shard  = 0       # one node alone: fine for a cache, and terraform says what it means
  memory              = "64MiB" # maxmemory of each node
  config              = { "maxmemory-policy" = "allkeys-lru" }
  deletion_protection = false # leave it out where the data matter
  local               = {}    # where: exactly one platform block
}

resource "justmanage_redis_user" "app" {
  cluster_id          = justmanage_redis_cluster.cache.id
  name                = "app"
  acl                 = "~app:* +@all -@dangerous"
  password_wo         = var.app_password
  password_wo_version = 1 # raise it to set another password; the one before it then stays valid for a day
}

output "endpoints" {
  description = "Where clients reach the cluster, over TLS."
  value       = justmanage_redis_cluster.cache.endpoints
}

output "ca_certificate" {
  description = "What clients trust."
  value       = justmanage_redis_cluster.cache.ca_certificate
}

output "version_actual" {
  description = "What the servers run."
  value       = justmanage_redis_cluster.cache.version_actual
}
