# Three shards with a replica each on this machine, with TLS and a user of its own: six servers, six agents.
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
  shards              = 3
  replicas_per_shard  = 1
  memory              = "64MiB"    # maxmemory of each node
  on_crash            = "failover" # or restart: keep the data of a primary whose process dies, and wait for it
  deletion_protection = false      # leave it out where the data matter
  local               = {}         # where: exactly one platform block
}

resource "justmanage_redis_user" "app" {
  cluster_id          = justmanage_redis_cluster.cache.id
  name                = "app"
  acl                 = "~app:* +@all -@dangerous"
  password_wo         = var.app_password
  password_wo_version = 1 # raise it to set another password; the one before it then stays valid for a day
}

# Who is a primary changes with every failover, so it is looked up and not part of the resource.
data "justmanage_redis_cluster" "cache" {
  id = justmanage_redis_cluster.cache.id
}

output "endpoints" {
  description = "Where clients reach the cluster, over TLS. A client may begin with any of them."
  value       = justmanage_redis_cluster.cache.endpoints
}

output "ca_certificate" {
  description = "What clients trust."
  value       = justmanage_redis_cluster.cache.ca_certificate
}

output "nodes" {
  description = "Who is who at this moment."
  value       = { for node in data.justmanage_redis_cluster.cache.nodes : node.endpoint => "${coalesce(node.role, node.state)} of shard ${node.shard}" }
}

output "known_vulnerabilities" {
  description = "Known holes of what runs."
  value       = justmanage_redis_cluster.cache.known_vulnerabilities
}
