import {
  to = justmanage_redis_user.app
  identity = {
    cluster_id = "local/cache"
    name       = "app"
  }
}
