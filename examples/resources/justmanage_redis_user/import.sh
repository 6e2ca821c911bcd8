terraform import justmanage_redis_user.app local/cache/app
