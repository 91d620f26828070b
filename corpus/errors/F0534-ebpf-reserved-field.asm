        ; A constant, and a source register that nothing uses.
        .insn 0xb7, 0, 1, 0, 5
        exit
