        r0 = 0
loop:   goto loop
