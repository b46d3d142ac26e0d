-- Logins that name no team look for the address in all of them.

CREATE INDEX users_lower_email ON users (lower(email));
