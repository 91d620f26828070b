        call one
        if r0 == 0 goto one
        exit
one:    r0 = 1
        exit
