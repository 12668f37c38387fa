/* holding.c - keeps everybody else from committing to the LMDB environment in the directory that it is given, as a disk that
 * has stalled would: says "held" once it does, until its input ends. */
#include <lmdb.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	MDB_env *env;
	MDB_txn *txn;

	if (argc != 2 || mdb_env_create(&env) != 0 || mdb_env_open(env, argv[1], 0, 0660) != 0 ||
	    mdb_txn_begin(env, NULL, 0, &txn) != 0)
		return 1;
	puts("held");
	fflush(stdout);
	while (getchar() != EOF)
		;
	mdb_txn_abort(txn);
	mdb_env_close(env);
	return 0;
}
