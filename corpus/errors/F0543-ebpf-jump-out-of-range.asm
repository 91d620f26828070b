        r0 = 0
        goto +7
        exit
