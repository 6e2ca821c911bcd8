terraform import justmanage_maintenance_window.sunday_night "Sun 02:00-03:00 Asia/Kolkata; upgrade patch; min_age 7d"
