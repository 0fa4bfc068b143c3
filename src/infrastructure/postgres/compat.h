/*
 * compat.h
 *		The differences between PostgreSQL versions; nowhere else.
 *
 * Include after postgres.h.
 */
#ifndef OUTBOX_INFRASTRUCTURE_POSTGRES_COMPAT_H
#define OUTBOX_INFRASTRUCTURE_POSTGRES_COMPAT_H

#ifdef PG_VERSION_NUM

#if PG_VERSION_NUM >= 160000
#define outbox_compat_insert_index_tuples(target, slot, estate) \
	ExecInsertIndexTuples(target, slot, estate, false, false, NULL, NIL, false)
#else
#define outbox_compat_insert_index_tuples(target, slot, estate) \
	ExecInsertIndexTuples(target, slot, estate, false, false, NULL, NIL)
#endif

#if PG_VERSION_NUM >= 180000
#define outbox_compat_index_beginscan(heap, index, snapshot, keys) \
	index_beginscan(heap, index, snapshot, NULL, keys, 0)
#else
#define outbox_compat_index_beginscan(heap, index, snapshot, keys) \
	index_beginscan(heap, index, snapshot, keys, 0)
#endif

/* The oldest transaction whose outcome the commit log still knows. */
#if PG_VERSION_NUM >= 170000
#define outbox_compat_oldest_clog_xid() (TransamVariables->oldestClogXid)
#else
#define outbox_compat_oldest_clog_xid() (ShmemVariableCache->oldestClogXid)
#endif

/* The number of this session's current transaction among those of its like. */
#if PG_VERSION_NUM >= 170000
#define outbox_compat_local_transaction() (MyProc->vxid.lxid)
#else
#define outbox_compat_local_transaction() (MyProc->lxid)
#endif

/* pg_database.datconnlimit of a database that a failed DROP has left behind. */
#define OUTBOX_INVALID_DATABASE (-2)

/* May the current user act as the owner of this relation, of this database? */
#if PG_VERSION_NUM >= 160000
#define outbox_compat_owns_relation(oid) object_ownercheck(RelationRelationId, oid, GetUserId())
#define outbox_compat_may_own_database(oid) object_ownercheck(DatabaseRelationId, oid, GetUserId())
#else
#define outbox_compat_owns_relation(oid) pg_class_ownercheck(oid, GetUserId())
#define outbox_compat_may_own_database(oid) pg_database_ownercheck(oid, GetUserId())
#endif

/* Whose memory a wait set is: a context up to 16, a resource owner since 17. */
#if PG_VERSION_NUM >= 170000
#define outbox_compat_create_wait_set(size) CreateWaitEventSet(NULL, size)
#else
#define outbox_compat_create_wait_set(size) CreateWaitEventSet(TopMemoryContext, size)
#endif

/* The name that pg_stat_activity shows for a wait; event keeps it, and is 0 at first. */
#if PG_VERSION_NUM >= 170000
#define outbox_compat_wait_event(event, name) \
	((event) ? (event) : ((event) = WaitEventExtensionNew(name)))
#else
#define outbox_compat_wait_event(event, name) ((event) = PG_WAIT_EXTENSION)
#endif

/* Puts in the expressions of virtual generated columns, which are not computed for triggers. */
#if PG_VERSION_NUM >= 180000
#define outbox_compat_expand_generated(node, relation, varno) \
	expand_generated_columns_in_expr(node, relation, varno)
#else
#define outbox_compat_expand_generated(node, relation, varno) (node)
#endif

#endif

#endif
