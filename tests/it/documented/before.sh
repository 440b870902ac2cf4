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
    'docs/reference.md' | 'docs/what-strangers-can-do.md')
        prepare serve
        ;;
    'docs/how-to.md')
        prepare make run
        ;;
    'docs/how-to.md# run it for a company')
        export WHEELWRIGHT_S3__ENDPOINT="$S3_ENDPOINT" AWS_ACCESS_KEY_ID="$S3_KEY" AWS_SECRET_ACCESS_KEY="$S3_SECRET" AWS_REGION=us-east-1
        ;;
    'docs/how-to.md# give people and machines access')
        # Back to the laptop's.
        unset WHEELWRIGHT_S3__ENDPOINT
        prepare serve
        prepare wheelwright user create alice
        prepare wheelwright index create alice/dev --bases root/pypi
        ;;
    'docs/how-to.md# mirror something else')
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
    'docs/how-to.md: wheelwright mirror forget team/partner demo')
        # Somebody installed it.
        prepare curl -fsS -o /dev/null "$SERVER/team/partner/+simple/demo/"
        ;;
    'docs/how-to.md# build wheels')
        echo 'docopt' >requirements.txt
        echo 'docopt<1' >limits.txt
        prepare cp "$GIVEN/demo-1.0.tar.gz" .
        prepare repository "$SCRATCH/repo" v1.2
        prepare project my-project my-project
        prepare cp -r "$REPOSITORY/recipes" recipes
        ;;
    'docs/how-to.md# turn requirements into wheels over HTTP')
        prepare wheelwright index modify alice/dev acl_read=:ANONYMOUS:
        echo 'docopt' >requirements.in
        ;;
    'docs/how-to.md# write a recipe')
        prepare cp "$GIVEN/libdemo.toml" .
        ;;
    'docs/how-to.md# keep bad releases out' | 'docs/how-to.md# take a release back')
        prepare wheelwright user passwd alice --password "$TWINE_PASSWORD"
        prepare twine upload -u alice -p "$TWINE_PASSWORD" --repository-url "$SERVER/alice/dev/" "$GIVEN"/more/*
        ;;
    'docs/reference.md# Builds')
        prepare wheelwright user create carol
        ;;
    'docs/reference.md# Promised wheels')
        echo 'docopt' >requirements.in
        printf '[project]\nname = "app"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = ["docopt"]\n' >pyproject.toml
        printf '[[tool.uv.index]]\nurl = "%s/v1/pypi/auto/+simple/"\ndefault = true\n' "$SERVER" >>pyproject.toml
        ;;
    'docs/tutorial.md# 4. Publish')
        prepare project my-private-package ../my-private-package
        prepare cd ../my-private-package
        ;;
    'docs/tutorial.md# 5. Install it, with what it needs from PyPI')
        prepare cd "$FOLDER"
        ;;
    'docs/tutorial.md# 8. Build wheels')
        prepare make run
        prepare repository "$SCRATCH/repo" v1.2
        prepare project my-project my-project
        ;;
    'docs/wheels-on-demand.md# 3. Pinned, with everything that is built in sight')
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
