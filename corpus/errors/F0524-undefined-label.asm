        jmp done
        ret allow
