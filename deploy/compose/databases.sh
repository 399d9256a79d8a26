#!/bin/bash
# Runs once, when the database server is set up: a database and a user for the whole shop, or for each service.
# The image of MySQL reads this into its own shell, which has the function that asks the server.
for password_file in /run/secrets/*database_password; do
    name=$(basename "$password_file" _password)
    case $name in
        database) schema=bookstore ;;
        *) schema=bookstore_${name%_database} ;;
    esac
    docker_process_sql --database=mysql <<SQL
CREATE DATABASE \`$schema\` CHARACTER SET utf8mb4;
CREATE USER '$schema'@'%' IDENTIFIED BY '$(cat "$password_file")';
GRANT ALL PRIVILEGES ON \`$schema\`.* TO '$schema'@'%';
GRANT REPLICATION CLIENT ON *.* TO '$schema'@'%';
SQL
done
