# What a reader has when coming to a section: files, accounts, a running server. Not what the document itself
# makes, so that a step it forgets is missed here too.

before() {
    case "$1" in
    'README.md')
        prepare project my-project my-project
        prepare cp -r "$GIVEN/dist" dist
        echo 'docopt' >requirements.in
        ;;
    'scripts/first-steps')
        prepare make run
        prepare cp -r "$GIVEN/dist" dist
        ;;
    'docs/how-to/run-a-server.md' | 'docs/how-to/install.md')
        prepare make run
        ;;
    'docs/how-to/run-a-server.md# Use Postgres, S3 and TLS')
        export WHEELWRIGHT_S3__ENDPOINT="$S3_ENDPOINT" AWS_ACCESS_KEY_ID="$S3_KEY" AWS_SECRET_ACCESS_KEY="$S3_SECRET" AWS_REGION=us-east-1
        ;;
    'docs/how-to/maintain-an-index.md# Check')
        prepare wheelwright backup "$SCRATCH/srv-backups"
        ;;
    'docs/how-to/back-up-and-restore.md')
        prepare serve
        prepare wheelwright user create alice
        prepare wheelwright index create alice/dev --bases root/pypi
        prepare twine upload -u alice -p "$TWINE_PASSWORD" --repository-url "$SERVER/alice/dev/" "$GIVEN"/more/*
        export WHEELWRIGHT_S3__ENDPOINT="$S3_ENDPOINT" AWS_ACCESS_KEY_ID="$S3_KEY" AWS_SECRET_ACCESS_KEY="$S3_SECRET" AWS_REGION=us-east-1
        ;;
    'docs/how-to/publish-wheelhouses.md')
        prepare serve
        prepare wheelwright user create alice
        prepare wheelwright index create alice/dev
        prepare twine upload -u alice -p "$TWINE_PASSWORD" --repository-url "$SERVER/alice/dev/" "$GIVEN"/more/demo*
        prepare cp -r "$GIVEN/dist" dist
        prepare wheelwright token create alice
        export WHEELWRIGHT_TOKEN="$TOKEN"
        export WHEELWRIGHT_S3__ENDPOINT="$S3_ENDPOINT" AWS_ACCESS_KEY_ID="$S3_KEY" AWS_SECRET_ACCESS_KEY="$S3_SECRET" AWS_REGION=us-east-1
        ;;
    'docs/how-to/audit.md' | 'docs/how-to/get-ready.md' | 'docs/how-to/give-access.md' | 'docs/how-to/mirror-an-index.md' | 'docs/how-to/build-wheels.md' | \
        'docs/how-to/compile-and-resolve.md' | 'docs/how-to/write-a-recipe.md' | 'docs/how-to/maintain-an-index.md' | \
        'docs/how-to/troubleshoot.md' | 'docs/how-to/webhooks.md' | 'docs/how-to/run-a-replica.md' | \
        'docs/how-to/publish-without-secrets.md' | 'docs/how-to/watch-repositories.md' | 'docs/explanation/inheritance.md' | \
        'docs/how-to/respond-to-a-bad-package.md' | 'docs/how-to/check-a-lock-file.md' | 'docs/how-to/search.md')
        prepare serve
        prepare wheelwright user create alice
        prepare wheelwright index create alice/dev --bases root/pypi
        prepare twine upload -u alice -p "$TWINE_PASSWORD" --repository-url "$SERVER/alice/dev/" "$GIVEN"/more/*
        ;;
    'docs/how-to/use-a-server.md')
        prepare serve
        prepare wheelwright user create alice
        prepare wheelwright index create alice/dev
        prepare wheelwright index create alice/prod
        prepare cp -r "$GIVEN/dist" dist
        prepare log_in
        ;;
    'docs/how-to/use-a-server.md# Choose an index')
        prepare log_in
        ;;
    'docs/how-to/curate-an-index.md')
        prepare serve
        prepare wheelwright user create alice
        prepare cp "$GIVEN/rules.toml" rules.toml
        printf 'boto3\nsix\n' >names.txt
        ;;
    'docs/how-to/respond-to-a-bad-package.md# Know who depends on it')
        echo 'demo==1.2' >requirements.txt
        ;;
    'docs/how-to/check-a-lock-file.md# Check it')
        prepare wheelwright token create alice
        echo 'demo==1.2' >requirements.txt
        ;;
    'docs/how-to/log-in-with-ldap.md' | 'docs/how-to/log-in-with-oidc.md')
        prepare serve
        prepare wheelwright user create carol
        prepare wheelwright user create alice
        ;;
    'docs/reference/builds.md' | 'docs/reference/promised-wheels.md' | 'docs/reference/settings.md' | \
        'docs/reference/anonymous-requests.md' | 'docs/reference/commands.md' | 'docs/explanation/guarantees.md' | \
        'docs/how-to/build-for-windows.md' | 'docs/how-to/build-for-macos.md')
        prepare serve
        ;;
    'docs/how-to/get-ready.md# Build what your lock files name for a new Python' | 'wheelwright --help# ready')
        prepare wheelwright token create alice
        export WHEELWRIGHT_TOKEN="$TOKEN"
        echo 'docopt==0.6.2' >requirements.txt
        printf 'version = 1\n[[package]]\nname = "docopt"\nversion = "0.6.2"\nsource = { registry = "PyPI" }\n' >uv.lock
        ;;
    'docs/how-to/mirror-an-index.md# Create a mirror')
        prepare wheelwright user create team
        prepare wheelwright index create team/stable
        # The partner's index: pages are folders.
        mkdir -p partner/demo
        prepare cp "$GIVEN"/more/demo* partner/demo
        PARTNER=http://${LISTEN%:*}:4141
        python3 -m http.server --bind "${LISTEN%:*}" --directory partner 4141 >/dev/null 2>&1 &
        BESIDE=$!
        prepare until_answers "$PARTNER"
        ;;
    'docs/how-to/mirror-an-index.md: wheelwright mirror forget team/partner demo')
        # Somebody installed it.
        prepare curl -fsS -o /dev/null "$SERVER/team/partner/+simple/demo/"
        ;;
    'docs/how-to/build-wheels.md# Build into a folder')
        echo 'docopt' >requirements.txt
        echo 'docopt<1' >limits.txt
        prepare cp "$GIVEN/demo-1.0.tar.gz" .
        prepare repository "$SCRATCH/repo" v1.2
        prepare project my-project my-project
        prepare cp -r "$REPOSITORY/recipes" recipes
        ;;
    'docs/how-to/compile-and-resolve.md# Send two requests')
        echo 'docopt' >requirements.in
        ;;
    'docs/how-to/write-a-recipe.md# Write the file')
        prepare cp "$GIVEN/libdemo.toml" .
        prepare cp -r "$REPOSITORY/recipes" recipes
        ;;
    'docs/reference/builds.md# Workers')
        prepare wheelwright user create carol
        ;;
    'docs/reference/promised-wheels.md# Lock files')
        echo 'docopt' >requirements.in
        printf '[project]\nname = "app"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = ["docopt"]\n' >pyproject.toml
        printf '[[tool.uv.index]]\nurl = "%s/v1/pypi/auto/+simple/"\ndefault = true\n' "$SERVER" >>pyproject.toml
        ;;
    'docs/tutorials/first-five-minutes.md')
        prepare serve
        ;;
    'docs/tutorials/private-index.md# 4. Publish' | 'docs/tutorials/first-five-minutes.md# 3. Publish from another machine')
        prepare project my-private-package ../my-private-package
        prepare cd ../my-private-package
        ;;
    'docs/tutorials/private-index.md# 5. Install it with its dependencies' | 'docs/tutorials/first-five-minutes.md# 4. Install it anywhere')
        prepare cd "$FOLDER"
        ;;
    'docs/tutorials/private-index.md# 8. Build wheels')
        prepare make run
        prepare repository "$SCRATCH/repo" v1.2
        prepare project my-project my-project
        ;;
    'docs/tutorials/wheels-on-demand.md# 3. Pin, build and install')
        prepare wheelwright user create alice
        prepare wheelwright index create alice/dev
        printf '[project]\nname = "app"\nversion = "1"\ndependencies = ["docopt"]\n' >pyproject.toml
        ;;
    'docs/docker/README.md# An image without a compiler')
        prepare cp "$REPOSITORY/docs/docker/requirements.in" .
        # What the image is made with.
        export WHEELSPROXY_URL="$SERVER/v1/pypi/$TARGET/"
        ;;
    'wheelwright --help')
        prepare make run
        prepare wheelwright user create alice
        prepare wheelwright index create alice/dev --bases root/pypi
        ;;
    'wheelwright --help# build')
        prepare repository "$SCRATCH/repo" v1.2
        prepare project my-project my-project
        # --token, or this.
        prepare wheelwright token create alice
        export WHEELWRIGHT_TOKEN="$TOKEN"
        ;;
    'wheelwright --help# compile')
        echo 'docopt' >requirements.in
        printf '[project]\nname = "app"\nversion = "1"\ndependencies = ["docopt"]\n' >pyproject.toml
        printf '[project.optional-dependencies]\nweb = ["six"]\n[dependency-groups]\ntest = ["idna"]\n' >>pyproject.toml
        prepare python3 -m venv .venv
        ;;
    'wheelwright --help# install')
        prepare wheelwright resolve requirements.txt requirements.urls
        ;;
    esac
}
