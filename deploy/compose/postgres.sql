-- The table of docker-compose.yml: a row says that a user is in a cohort, or was. PostgreSQL's image
-- runs this once, when it makes the database.
CREATE TABLE cohort_membership (
    cohort_id  text NOT NULL,
    user_id    bigint NOT NULL,
    status     text NOT NULL DEFAULT 'active',
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (cohort_id, user_id) -- Debezium's key: all changes of one member share a partition.
);
ALTER TABLE cohort_membership REPLICA IDENTITY FULL; -- A delete says whom it removes.

INSERT INTO cohort_membership (cohort_id, user_id)
SELECT cohort_id, user_id
FROM unnest(ARRAY['loyalty-gold', 'loyalty-silver']) AS cohort_id, generate_series(1, 250) AS user_id;

-- What the connector needs: to read this table, and to follow what is published of it.
CREATE ROLE debezium LOGIN REPLICATION PASSWORD 'debezium-password';
GRANT SELECT ON cohort_membership TO debezium;
CREATE PUBLICATION cohorts FOR TABLE cohort_membership;
