        ld [0]
        jeq #1, read
        st M[0]
read:   ld M[0]
        ret a
