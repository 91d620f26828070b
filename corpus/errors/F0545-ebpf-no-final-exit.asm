        exit
        r0 = 1
