# Who is a primary changes with every failover, so it is looked up.
data "justmanage_redis_cluster" "cache" {
  name            = "cache"
  local           = {}
  journal_entries = 20
}

output "nodes" {
  description = "Who is who at this moment."
  value       = { for node in data.justmanage_redis_cluster.cache.nodes : node.endpoint => "${node.role} of shard ${node.shard}" }
}
