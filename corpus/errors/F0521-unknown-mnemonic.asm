        mov x
