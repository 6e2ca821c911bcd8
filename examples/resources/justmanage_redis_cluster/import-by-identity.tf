import {
  to = justmanage_redis_cluster.cache
  identity = {
    platform = "local"
    name     = "cache"
  }
}
