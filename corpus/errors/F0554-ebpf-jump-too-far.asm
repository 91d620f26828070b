        if r1 == 1 goto +40000
        exit
