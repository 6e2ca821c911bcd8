import {
  to = justmanage_redis_cluster.cache
  id = "local/cache"
}
