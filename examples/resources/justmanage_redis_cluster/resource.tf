# Three shards with a replica each: it survives the loss of any one machine.
resource "justmanage_redis_cluster" "cache" {
  name               = "cache"
  engine             = "redis" # redis | valkey
  version            = "7.2"   # a line (its newest patch that can be had) or an exact x.y.z
  shards             = 3
  replicas_per_shard = 1
  memory             = "256MiB"   # maxmemory of each node
  on_crash           = "failover" # or restart: keep what a failover would lose, and wait for it
  config             = { "maxmemory-policy" = "allkeys-lru" }
  local              = {} # where: exactly one platform block
}

output "endpoints" {
  description = "Where clients reach the cluster, over TLS. A client may begin with any of them."
  value       = justmanage_redis_cluster.cache.endpoints
}

output "ca_certificate" {
  description = "What clients trust."
  value       = justmanage_redis_cluster.cache.ca_certificate
}
