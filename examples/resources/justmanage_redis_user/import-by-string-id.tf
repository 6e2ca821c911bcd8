import {
  to = justmanage_redis_user.app
  id = "local/cache/app"
}
