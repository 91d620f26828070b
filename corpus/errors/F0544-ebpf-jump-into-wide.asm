        goto +1
        r1 = 5 ll
        exit
