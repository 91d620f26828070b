        jmp +1
        ret allow
