        call again
        exit
again:  call again
        r0 = 0
        exit
