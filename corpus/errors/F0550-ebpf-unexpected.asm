        mov r1, 5
        exit
