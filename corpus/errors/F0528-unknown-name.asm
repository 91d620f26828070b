        ret permit
