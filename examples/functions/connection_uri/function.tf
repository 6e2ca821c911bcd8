data "justmanage_redis_cluster" "cache" {
  name  = "cache"
  local = {}
}

# rediss://app@127.0.0.1:21000?protocol=3, without the password: no secret.
output "address" {
  value = provider::justmanage::connection_uri(data.justmanage_redis_cluster.cache.endpoints[0], "app", null, { protocol = "3" })
}

variable "app_password" {
  type      = string
  sensitive = true
}

# With the password it is as secret as that.
output "address_with_password" {
  value     = provider::justmanage::connection_uri(data.justmanage_redis_cluster.cache.endpoints[0], "app", var.app_password)
  sensitive = true
}
