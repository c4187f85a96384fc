-- One turn of the shop in docker-compose.yml: users join, those who were in leave or come back, and
-- rows of some who left are deleted.
INSERT INTO cohort_membership AS old (cohort_id, user_id)
SELECT DISTINCT
    (ARRAY['loyalty-gold', 'loyalty-silver'])[1 + floor(random() * 2)::int],
    1 + floor(random() * 1000)::bigint
FROM generate_series(1, 20)
ON CONFLICT (cohort_id, user_id) DO UPDATE
SET status = CASE old.status WHEN 'active' THEN 'left' ELSE 'active' END, updated_at = now();

DELETE FROM cohort_membership
WHERE (cohort_id, user_id) IN (
    SELECT cohort_id, user_id FROM cohort_membership WHERE status = 'left' ORDER BY random() LIMIT 2
);
