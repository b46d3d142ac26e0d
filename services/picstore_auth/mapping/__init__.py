"""Between the contract's messages and the model's values, a module per noun.

From a message: `…_from` checks what needs no database and names every wrong field at once. To a
message: `…_message`.
"""
