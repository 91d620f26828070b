        jeq #1
