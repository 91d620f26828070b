        r1 = map[idx:9] ll
        r0 = 0
        exit
